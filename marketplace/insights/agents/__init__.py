"""The MCP server at /mcp: agents search, read, try and record through the product's own API (docs/mcp.md).

Only `exchange` and `tools` import the SDK, and only when somebody asks: a portal whose `agents` extra is not installed says so.
"""
