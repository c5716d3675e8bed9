"""Examples in the description of the API, by the name of the body. A test checks each of them."""

from typing import Any, Final

_ID: Final = "6f1c2b54-2f0e-4d0b-9d0c-6d6f6f726167"
_MOMENT: Final = "2026-01-31T12:00:00.000Z"
_URL: Final = "https://git.example.com/team/app.git"

_SERVICE: Final = {"status": "healthy", "latencyMs": 1.25, "message": None}
_SERVICES: Final = ("database", "redis", "queue", "sessions")
_REPOSITORY: Final = {
    "url": _URL,
    "ref": "main",
    "credentialsSecretRef": None,
    "submodules": False,
    "depth": None,
}
_SESSION: Final[dict[str, Any]] = {
    "id": _ID,
    "projectPath": _URL,
    "claudeDirectoryPath": None,
    "claudeCodeSessionId": "0b2f9d1e-5b7c-4a57-8a4e-2f6f0f3f5a11",
    "context": "Release 1.4",
    "status": "active",
    "metadata": {"branch": "main"},
    "isWorking": False,
    "currentJobId": None,
    "lastJobStatus": "completed",
    "createdAt": _MOMENT,
    "updatedAt": _MOMENT,
    "lastAccessedAt": _MOMENT,
    "name": "app-6f1c2b542f0e",
    "phase": "Ready",
    "activity": "Idle",
    "repository": _REPOSITORY,
    "usage": {"inputTokens": 5200, "outputTokens": 810, "costUsd": 0.042, "turns": 3},
    "budget": {"maxCostUsd": 5.0, "maxTurns": None},
    "pendingApprovals": 0,
    "conditions": [],
    "message": None,
    "permissionMode": "default",
    "model": None,
}
_SENT: Final[dict[str, Any]] = {
    "id": "7a0f8f6c-4d0c-4f59-a8f2-3f0e3f1f9a10",
    "sessionId": _ID,
    "role": "user",
    "content": "Which ports does it open?",
    "timestamp": _MOMENT,
    "claudeSessionId": None,
}
_CHILD: Final = {
    "id": "msg_01",
    "role": "assistant",
    "content": "Port 8080.",
    "timestamp": _MOMENT,
    "toolCalls": [{"id": "toolu_01", "name": "Grep", "input": {"pattern": "listen"}}],
    "toolResults": [{"tool_use_id": "toolu_01", "content": "app.py:8: listen", "is_error": False}],
    "thinking": None,
    "parentToolUseId": None,
}

_APPROVAL: Final = {
    "id": "toolu_02",
    "sessionId": _ID,
    "turnId": "7a0f8f6c-4d0c-4f59-a8f2-3f0e3f1f9a10",
    "state": "pending",
    "tool": "Bash",
    "input": {"command": "make test"},
    "summary": "Run: make test",
    "diff": None,
    "requestedAt": _MOMENT,
    "expiresAt": "2026-01-31T12:10:00.000Z",
    "decision": None,
    "decidedBy": None,
    "decidedAt": None,
    "message": None,
    "scope": None,
    "outcome": None,
    "resolvedAt": None,
}

_USER: Final = {
    "id": "2c1d6a0e-8f3b-4b57-9a51-0f6f1c7d2e11",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "role": "user",
    "createdAt": _MOMENT,
    "updatedAt": _MOMENT,
}
_LOGIN: Final = {"email": "ada@example.com", "password": "correct horse"}
_REFRESH_TOKEN: Final = "mr_2tq8..."  # noqa: S105 - not a whole one
_API_KEY: Final = {
    "id": "91b7f2de-6a0b-4c6e-8a43-5d0f0a3f7c22",
    "name": "nightly",
    "prefix": "mk_AbCdEf",
    "createdAt": _MOMENT,
    "expiresAt": None,
    "lastUsedAt": _MOMENT,
}

_LETTER: Final[dict[str, Any]] = {
    "id": "c1b2a3d4-0a1b-4c2d-8e3f-5a6b7c8d9e0f",
    "kind": "input",
    "name": "prompt",
    "reason": "ClaudeEnded",
    "failures": 1,
    "attempts": None,
    "sessionId": _ID,
    "inputId": "7a0f8f6c-4d0c-4f59-a8f2-3f0e3f1f9a10",
    "firstFailedAt": _MOMENT,
    "lastFailedAt": _MOMENT,
    "retriedAt": None,
}
_RECORD: Final = {
    "id": 4711,
    "at": _MOMENT,
    "action": "approval.decide",
    "outcome": "done",
    "actorId": "2c1d6a0e-8f3b-4b57-9a51-0f6f1c7d2e11",
    "via": "sign_in",
    "viaId": "5b0f2d7e-3c1a-4e7e-9a39-7d0f6f1c2e33",
    "address": "203.0.113.7",
    "requestId": "3f2a",
    "objectId": "toolu_02",
    "sessionId": _ID,
    "details": {"decision": "allow", "scope": "once"},
}

_MANAGED: Final[dict[str, Any]] = {
    "id": "3f9b1a70-6c1d-4e55-8a2b-9d0e1f2a3b4c",
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "role": "user",
    "provider": "https://id.example.com/realms/main",
    "groups": ["developers"],
    "groupsAt": _MOMENT,
    "disabledAt": None,
    "createdAt": _MOMENT,
    "updatedAt": _MOMENT,
}
BODIES: Final[dict[str, dict[str, Any]]] = {
    "Register": _LOGIN | {"name": "Ada Lovelace"},
    "Login": _LOGIN,
    "Refresh": {"refreshToken": _REFRESH_TOKEN},
    "Logout": {"everywhere": True},
    "SignedIn": {
        "accessToken": "eyJhbGciOiJIUzI1NiJ9...",
        "refreshToken": _REFRESH_TOKEN,
        "tokenType": "Bearer",
        "expiresIn": 900,
        "user": _USER,
    },
    "UserView": _USER,
    "PatchMe": {"password": "another horse", "currentPassword": "correct horse"},
    "CreateKey": {"name": "nightly", "expiresInDays": 90},
    "PatchKey": {"name": "weekly"},
    "KeyView": _API_KEY,
    "KeyList": {"apiKeys": [_API_KEY], "total": 1},
    "NewKey": _API_KEY | {"lastUsedAt": None, "key": "mk_AbCdEf..."},
    "ManagedUser": _MANAGED,
    "UserPage": {"users": [_MANAGED], "total": 1, "limit": 50, "offset": 0},
    "CreateUser": _LOGIN | {"name": "Ada Lovelace", "role": "user"},
    "PatchUser": {"disabled": True},
    "LetterView": _LETTER,
    "LetterPage": {"deadLetters": [_LETTER], "total": 1, "limit": 50, "offset": 0},
    "Retried": {"success": True, "messageId": "f2a0c9e4-3b5d-4f60-9a71-2c8e6d4b1a05"},
    "Health": {
        "status": "healthy",
        "timestamp": _MOMENT,
        "services": dict.fromkeys(_SERVICES, "healthy"),
        "version": "0.1.0",
        "uptime": 3600.0,
        "details": dict.fromkeys(_SERVICES, _SERVICE),
    },
    "Live": {"status": "ok", "timestamp": _MOMENT},
    "Ready": {"ready": True, "checks": {"database": True, "redis": True, "sessions": True}},
    "CreateSession": {
        "repository": {"url": _URL, "ref": "main"},
        "context": "Release 1.4",
        "metadata": {"allowedTools": ["Read", "Grep"]},
        "prompt": "Which ports does it open?",
        "budget": {"maxCostUsd": 5.0},
    },
    "PatchSession": {"context": "Release 1.5", "status": "archived"},
    "SessionView": _SESSION,
    "SessionPage": {"sessions": [_SESSION], "total": 1, "limit": 50, "offset": 0},
    "Done": {"success": True},
    "SendMessage": {"content": "Which ports does it open?", "allowedTools": ["Grep"]},
    "MessageSent": {"message": _SENT, "waking": False},
    "Conversation": {
        "messages": [_SENT | {"children": [_CHILD]}],
        "session": {
            "id": _ID,
            "isWorking": False,
            "currentJobId": None,
            "lastJobStatus": "completed",
            "status": "active",
        },
        "hasMore": False,
    },
    "ListingView": {
        "files": [
            {
                "path": "src/app.py",
                "name": "app.py",
                "type": "file",
                "size": 1204,
                "modifiedAt": _MOMENT,
            }
        ],
        "basePath": "src",
        "nextAfter": None,
    },
    "ContentView": {
        "path": "src/app.py",
        "content": "listen(8080)\n",
        "encoding": "utf-8",
        "size": 13,
        "mimeType": "text/x-python",
        "modifiedAt": _MOMENT,
    },
    "WriteBody": {"content": "listen(8081)\n", "encoding": "utf-8"},
    "Created": {"path": "src/app.py", "size": 13, "created": True},
    "Updated": {"path": "src/app.py", "size": 13, "updated": True},
    "Deleted": {"success": True, "path": "src/app.py"},
    "Decide": {"decision": "deny", "message": "Not on a Friday."},
    "ApprovalView": _APPROVAL,
    "ApprovalList": {
        "approvals": [_APPROVAL],
        "total": 1,
        "limit": 50,
        "offset": 0,
        "hasMore": False,
    },
    "AuditPage": {"records": [_RECORD], "nextAfter": None},
    "DiffView": {"diff": "--- a/app.py\n+++ b/app.py\n", "truncated": False, "base": "4545cd7"},
}


def _error(code: str, text: str, details: Any = None) -> dict[str, Any]:
    return {"error": text, "code": code} | ({} if details is None else {"details": details})


ERRORS: Final[dict[str, dict[str, Any]]] = {
    "400": _error(
        "VALIDATION_ERROR",
        "limit: Input should be less than or equal to 100",
        [{"path": "limit", "message": "Input should be less than or equal to 100"}],
    ),
    "401": _error("UNAUTHORIZED", "log in first: the request carries no valid token"),
    "402": _error("BUDGET_EXCEEDED", f"session {_ID} has spent its budget"),
    "403": _error("FORBIDDEN", "what is below .git can only be read"),
    "404": _error("NOT_FOUND", f"there is no session {_ID}"),
    "408": _error("REQUEST_TIMEOUT", "the request did not arrive within 30 s", {"seconds": 30.0}),
    "409": _error(
        "SESSION_NOT_READY",
        f"session {_ID} is Suspended and has no runner that answers: resume it, or try again "
        "when it is Ready",
        {"phase": "Suspended"},
    ),
    "413": _error(
        "PAYLOAD_TOO_LARGE",
        "the request body exceeds 6,291,456 bytes",
        {"limit": 6_291_456, "unit": "bytes"},
    ),
    "415": _error("UNSUPPORTED_TYPE", "files such as 'a.exe' are neither read nor written"),
    "429": _error(
        "RATE_LIMITED",
        "more than 10 requests in 60 s",
        {"limit": 10, "window": 60, "retryAfter": 12},
    ),
    "500": _error(
        "INTERNAL_ERROR",
        "something went wrong here; the log has it under request 3f2a",
        {"requestId": "3f2a"},
    ),
    "503": _error(
        "BACKEND_UNAVAILABLE", "redis does not answer: try again shortly", {"service": "redis"}
    ),
}
