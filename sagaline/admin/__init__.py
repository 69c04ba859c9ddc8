"""What an operator looks up and mends: dead letters, timelines, saga instances."""
