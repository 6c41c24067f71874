"""The official SDK's client against a portal over HTTP, for tests of the MCP server."""

import anyio
import httpx2


def talk(portal, token, conversation, mode="auto", **headers):
    """What `await conversation(client)` returns. `mode` is the SDK's: "legacy" begins with the handshake of 2025."""

    from mcp import Client  # two seconds, for those tests alone that talk
    from mcp.client.streamable_http import streamable_http_client

    async def run():
        sent = {"Authorization": f"Bearer {token}"} | headers
        async with httpx2.AsyncClient(headers=sent, timeout=30) as http:
            transport = streamable_http_client(
                f"http://127.0.0.1:{portal.port}/mcp", http_client=http
            )
            async with Client(transport, mode=mode) as client:
                return await conversation(client)

    return anyio.run(run)


def call(portal, token, tool, mode="auto", **arguments):
    """The result of one tool."""
    return talk(portal, token, lambda client: client.call_tool(tool, arguments), mode)


def text(result):
    """What the agent reads: the first content of a result."""
    return result.content[0].text
