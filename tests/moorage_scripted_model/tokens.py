"""Token counts: one token for every four characters begun, of the text that really went over.

The input is the request's system, tools and messages as compact JSON; the output is the text,
thinking and tool input of the response. There is no cache, so the cache counts are zero.
"""

CHARACTERS_PER_TOKEN = 4


def count(characters: int) -> int:
    """Count the tokens of so many characters."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def usage(input_tokens: int, output_tokens: int, searches: int = 0) -> dict[str, object]:
    """Give the API's usage object."""
    result: dict[str, object] = {
        "input_tokens": input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }
    if searches:
        result["server_tool_use"] = {"web_search_requests": searches}
    return result
