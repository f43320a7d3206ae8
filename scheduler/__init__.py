"""The sans-I/O core: events in, actions and the next wake-up out."""
