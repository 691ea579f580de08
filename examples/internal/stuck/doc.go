// Package stuck has no code: its tests get a program stuck in ways that a debug page
// shows. WAKECHAIN_PICTURES=FOLDER has them write what it shows to a folder.
package stuck
