import { ApiServer, type ApiServerOptions } from "../../../src/devserver/http/api-server.ts";

/** A development API server that stops at the end of its block: `await using server = await startApiServer({ … })`. */
export function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  return ApiServer.start(options);
}
