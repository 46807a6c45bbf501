import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const FOLDER = new URL("../../ingestion/recorded/", import.meta.url);

export interface RecordedApi extends AsyncDisposable {
  readonly origin: string;
  /** Path and query of each request as it was sent, with its body. */
  readonly asked: readonly string[];
}

/** A server that gives the answers of `recorded/<name>-1.json`, `-2.json` … one after the other, with these headers. */
export async function startRecordedApi(
  name: string,
  headers: readonly Readonly<Record<string, string>>[],
): Promise<RecordedApi> {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    asked.push(`${request.url}${Buffer.concat(chunks)}`);
    const own = headers[asked.length - 1];
    if (own === undefined) return void response.writeHead(500).end();
    const file = new URL(`${name}-${asked.length}.json`, FOLDER);
    const filled = (text: string) => text.replaceAll("{{origin}}", origin);
    for (const [header, value] of Object.entries(own)) response.setHeader(header, filled(value));
    response.end(filled(readFileSync(file, "utf8")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // The address of a server that listens on a port is an object.
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
