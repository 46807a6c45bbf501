import type pg from "pg";

import type { Gateways } from "./gateways.ts";
import type { Backend } from "./page-server.ts";
import { STATEMENTS } from "./scene.ts";

export const REORG_DEPTH = 5;

/** What PostgreSQL says of a client; the statements are those that the page shows. */
const CLIENT = `select phase, position::text, extract(epoch from lag) * 1000 as lag_ms, store
  from ampsync.clients where client_id = $1`;
const SESSION = `select gateway, sent::text, acked::text, frames::text, bytes::text
  from ampsync.sessions where client_id = $1`;

interface Options {
  readonly pool: pg.Pool;
  readonly gateways: Gateways;
  /** Of the balancer in front of them. */
  readonly gatewayUrl: string;
  /** The schema of the dataset. */
  readonly schema: string;
  readonly reorg: (depth: number) => Promise<void>;
  /** The command that opens psql, without a password in it. */
  readonly psql: string;
}

/** What the page shows that does not come through a gateway: how the server sees it, and what its buttons do. */
export function backendOf({ pool, gateways, gatewayUrl, schema, reorg, psql }: Options): Backend {
  return {
    async setting() {
      return { gatewayUrl, schema, psql, statements: STATEMENTS };
    },
    async state(clientId) {
      const ask = async (sql: string) => {
        if (clientId === null || !/^[0-9a-f-]{36}$/.test(clientId)) return null;
        const { rows } = await pool.query(sql, [clientId]);
        return rows[0] ?? null;
      };
      const [client, session] = [await ask(CLIENT), await ask(SESSION)];
      return { gateways: gateways.seen, client, session };
    },
    async reorg() {
      await reorg(REORG_DEPTH);
      return { depth: REORG_DEPTH };
    },
    async killGateway(address) {
      return gateways.kill(address);
    },
  };
}
