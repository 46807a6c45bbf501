import { AmpsyncError } from "../../../errors.ts";

export interface RpcCall {
  readonly method: string;
  readonly params: readonly unknown[];
}

/** A JSON-RPC endpoint over HTTP. An unreachable one, or an error in the answer, raises SY104. */
export class JsonRpc {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async call(method: string, ...params: readonly unknown[]): Promise<unknown> {
    const [result] = await this.batch([{ method, params }]);
    return result;
  }

  /** One request for several calls; the results come in the order of the calls. */
  async batch(calls: readonly RpcCall[], signal?: AbortSignal): Promise<readonly unknown[]> {
    const body = calls.map(({ method, params }, id) => ({ jsonrpc: "2.0", id, method, params }));
    const answers = await this.#post(JSON.stringify(body), signal);
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    return calls.map(({ method }, id) => {
      const answer = byId.get(id);
      if (answer?.result === undefined) {
        throw new AmpsyncError("SY104", `${method} failed at ${this.url}`, {
          detail: answer?.error?.message ?? "The answer has no result.",
        });
      }
      return answer.result;
    });
  }

  async #post(body: string, signal: AbortSignal | undefined): Promise<readonly RpcAnswer[]> {
    const headers = { "content-type": "application/json" };
    try {
      const response = await fetch(this.url, { method: "POST", headers, body, signal: signal ?? null });
      const answers = await response.json();
      // Results are parsed where they are used; only the envelope is checked here.
      return Array.isArray(answers) ? (answers as RpcAnswer[]) : [];
    } catch (cause) {
      throw new AmpsyncError("SY104", `no JSON-RPC answer from ${this.url}`, { cause });
    }
  }
}

interface RpcAnswer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message?: string };
}
