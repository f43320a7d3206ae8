"""How the commands of every room speak: arguments, errors in one line, progress, whole files."""
