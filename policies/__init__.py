"""One file a policy: the rules that decide what a question may still cost."""
