"""`mcp_udfs`: the tools of an MCP server as functions."""

from pixeltable.providers.clients import Clients, use_clients
from pixeltable.providers.mcp_functions import checked_url, offered_functions
from pixeltable.providers.mcp_server import MCP
from pixeltable.session.current import current_session
from pixeltable.udfs.function import Function


def mcp_udfs(url: str) -> list[Function]:
    """A function for each tool that an MCP server offers over streamable HTTP, in the server's order.

    Parameters have the types that the tool's JSON schema gives: String, Int, Float and Bool, and Json for all else.
    Those it does not require are None by default, which leaves them out; a null for a required one that accepts none
    makes the result null, without a call. The result is the text that the tool returns, several joined by newlines, or
    Json where the tool declares an output schema. Descriptions are kept, so that `pxt.tools()` can pass them on.

    Computed columns store the URL and the name of the tool. All calls of a process go through one session with the
    server, which is opened anew after it was lost. A tool that fails, returns an image or audio, or is not any more
    what it was fails its cell.

    Raises:
        InvalidArgument: `url` is no URL of HTTP, or has a password in it.
        MissingPackage: the package `mcp` is not installed.
        ToolServerLost: there is no MCP server.
        Unsupported: it is called by an async function, which would wait for itself.
    """
    checked = checked_url(url)
    MCP.load()
    context = current_session().context
    context.engine.loop.refuse_to_wait()
    assert context.clients is not None
    return context.engine.loop.run(_offered(context.clients, checked))


async def _offered(clients: Clients, url: str) -> list[Function]:
    use_clients(clients)
    return await offered_functions(url)
