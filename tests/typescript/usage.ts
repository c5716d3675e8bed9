// Every endpoint of the mobile client's contract, called through the generated client. It must
// type-check, and it is run against a real gateway: node usage.ts ADDRESS.

import { createClient, MoorageError, type Schemas, unwrap } from "../src/index.ts";

declare const process: { argv: string[] };

const BASE = "/api/claude-code" as const;
const [, , address = ""] = process.argv;
const client = createClient({ baseUrl: address, token: () => "not-needed-here" });

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`unexpected: ${what}`);
}

async function health(): Promise<void> {
  const whole = await unwrap(client.GET(`${BASE}/health`));
  const database: "healthy" | "degraded" | "unhealthy" = whole.services.database;
  const latency: number | null | undefined = whole.details["redis"]?.latencyMs;
  expect(database === "healthy" && typeof latency === "number", "health");
  const live = await unwrap(client.GET(`${BASE}/health/live`));
  const ready = await unwrap(client.GET(`${BASE}/health/ready`));
  expect(live.status === "ok" && ready.checks.sessions, "live and ready");
}

async function repositories(): Promise<void> {
  const found = await unwrap(client.GET(`${BASE}/repositories`));
  const names: string[] = found.repositories.map((one) => one.folderName);
  expect(names.length === found.total, "the repositories");
}

async function sessions(): Promise<string> {
  const body: Schemas["CreateSession"] = {
    projectPath: "https://git.example.com/team/sample.git",
    context: { screen: "list" },
    metadata: { branch: "main", allowedTools: ["Read"] },
  };
  const made = await unwrap(client.POST(`${BASE}/sessions`, { body }));
  const path = { session_id: made.id };
  const listed = await unwrap(
    client.GET(`${BASE}/sessions`, { params: { query: { status: "active", limit: 5 } } }),
  );
  expect(listed.sessions[0]?.id === made.id && listed.total === 1, "the list");
  const read = await unwrap(client.GET(`${BASE}/sessions/{session_id}`, { params: { path } }));
  const moment: string = read.lastAccessedAt;
  expect(!Number.isNaN(Date.parse(moment)) && read.isWorking === false, "the session");
  const changed = await unwrap(
    client.PATCH(`${BASE}/sessions/{session_id}`, {
      params: { path },
      body: { status: "archived" },
    }),
  );
  expect(changed.status === "archived", "the change");
  return made.id;
}

async function messages(session_id: string): Promise<void> {
  const params = { path: { session_id } };
  const { message } = await unwrap(
    client.POST(`${BASE}/sessions/{session_id}/messages`, { params, body: { content: "Hello" } }),
  );
  const role: "user" = message.role;
  const history = await unwrap(
    client.GET(`${BASE}/sessions/{session_id}/messages`, { params }),
  );
  const first = history.messages[0];
  const results: (boolean | undefined)[] | undefined = first?.children?.flatMap((child) =>
    (child.toolResults ?? []).map((result) => result.is_error),
  );
  expect(role === "user" && first?.id === message.id && results?.length === 0, "the message");
}

async function files(session_id: string): Promise<void> {
  const path = { session_id, path: "src/index.js" };
  const file = `${BASE}/sessions/{session_id}/files/{path}` as const;
  const listed = await unwrap(
    client.GET(`${BASE}/sessions/{session_id}/files`, {
      params: { path: { session_id }, query: { path: ".", recursive: true, pattern: "*.py" } },
    }),
  );
  expect(listed.files[0]?.name === "a.py" && listed.basePath === ".", "the files");
  const body: Schemas["WriteBody"] = { content: "text", encoding: "utf-8" };
  const created = await unwrap(client.POST(file, { params: { path }, body }));
  const content = await unwrap(client.GET(file, { params: { path } }));
  const updated = await unwrap(client.PUT(file, { params: { path }, body }));
  const deleted = await unwrap(client.DELETE(file, { params: { path } }));
  const paths = [created.path, content.path, updated.path, deleted.path];
  expect(paths.every((found) => found === path.path), "the file's path");
  expect(created.created && updated.updated && deleted.success, "the file");
}

async function errors(session_id: string): Promise<void> {
  const params = { path: { session_id } };
  const gone = await unwrap(client.DELETE(`${BASE}/sessions/{session_id}`, { params }));
  expect(gone.success, "the end");
  try {
    await unwrap(client.GET(`${BASE}/sessions/{session_id}`, { params }));
  } catch (error) {
    expect(error instanceof MoorageError && error.code === "NOT_FOUND", "the error");
    return;
  }
  throw new Error("unexpected: a deleted session");
}

await health();
await repositories();
const session = await sessions();
await messages(session);
await files(session);
await errors(session);
