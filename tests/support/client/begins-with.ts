import { type Extension, PGlite } from "@electric-sql/pglite";

import { unpack } from "./packed-folder.ts";

const { PGDATA } = PGlite.paths;

/** An extension of PGlite that gives a database without files those of a packed folder, before PGlite makes its own. */
export function beginsWith(packed: () => Promise<Uint8Array<ArrayBuffer>>): Extension {
  return {
    name: "begins with",
    async setup(given) {
      const pg = given as PGlite;
      const fs = pg.fs!;
      const load = fs.initialSyncFs.bind(fs);
      fs.initialSyncFs = async () => {
        await load();
        const { FS } = pg.Module;
        if (FS.analyzePath(`${PGDATA}/PG_VERSION`).exists) return;
        FS.mkdirTree(PGDATA, 0o700);
        FS.chmod(PGDATA, 0o700);
        for (const { path, bytes } of unpack(await packed())) {
          if (bytes === null) FS.mkdirTree(`${PGDATA}/${path}`, 0o700);
          // A copy: OPFS takes a view for what it is a view of.
          else FS.writeFile(`${PGDATA}/${path}`, bytes.slice());
        }
        // As PGlite does after initdb: what has few files ready makes more.
        await fs.syncToFs();
      };
      return {};
    },
  };
}
