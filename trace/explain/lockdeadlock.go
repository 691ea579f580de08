package explain

func lockDeadlocks(*scene) []Finding { return nil }
