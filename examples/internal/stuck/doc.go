// Package stuck has no code. Its tests get a program stuck in ways that a debug page
// shows. WAKECHAIN_PICTURES=FOLDER writes the pages to a folder.
package stuck
