import { waitFor } from "../wait-for.ts";
import type { Connection } from "./sql-stream.ts";

/** A setting of the whole server, until this session has it too: a reload is told to backends one after the other. */
export async function changeSetting(db: Connection, name: string, value: string): Promise<void> {
  await db.query(`alter system set ${name} = '${value}'`);
  await db.query("select pg_reload_conf()");
  await waitFor(`${name} = '${value}'`, async () => (await db.query(`show ${name}`)).rows[0][name] === value);
}
