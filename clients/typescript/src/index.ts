// The typed client: every path, parameter, body and answer is checked against docs/openapi.json.
// `schema.ts` is generated from it (`make client`); this file is all that is written by hand.

import createFetchClient, { type Client, type ClientOptions } from "openapi-fetch";

import type { components, paths } from "./schema.ts";

export type MoorageClient = Client<paths>;
export type Schemas = components["schemas"];

export interface MoorageOptions {
  /** The gateway's address, without a path: https://moorage.example.com */
  baseUrl: string;
  /** An access token or an API key; a function is asked before each request. */
  token?: string | (() => string | Promise<string>);
  /** Another fetch than the platform's. */
  fetch?: NonNullable<ClientOptions["fetch"]>;
}

/** An answer that is no success, with the gateway's own words. */
export class MoorageError extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, body: Schemas["ErrorBody"]) {
    super(body.error);
    this.name = "MoorageError";
    this.status = status;
    this.code = body.code;
    this.details = body.details;
  }
}

/** Make a client of the gateway. */
export function createClient({ baseUrl, token, fetch }: MoorageOptions): MoorageClient {
  const client = createFetchClient<paths>(fetch ? { baseUrl, fetch } : { baseUrl });
  if (token !== undefined) {
    client.use({
      async onRequest({ request }) {
        const value = typeof token === "function" ? await token() : token;
        request.headers.set("Authorization", `Bearer ${value}`);
        return request;
      },
    });
  }
  return client;
}

/** Return an answer's data, or throw what the gateway says is wrong. */
export async function unwrap<Data>(
  answering: Promise<{ data?: Data; error?: unknown; response: Response }>,
): Promise<Data> {
  const { data, error, response } = await answering;
  if (data !== undefined) return data;
  throw new MoorageError(response.status, error as Schemas["ErrorBody"]);
}
