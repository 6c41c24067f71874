"""Events such as demo days: planned by marketplace managers, with sign-up, reminder and attendance (docs/adoption.md, "Events")."""
