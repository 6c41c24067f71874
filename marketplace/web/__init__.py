"""How a request reaches the portal: HAProxy before it (front), received whole (receiving), within limits (limits)."""
