// Opens a store in a page, and lets its test ask it.
import { openStore } from "../../src/client/store.ts";

const { pg, kind } = await openStore("memory://");
const { rows } = await pg.query("select phase from ampsync.state");
Object.assign(globalThis, { opened: { kind, rows } });
