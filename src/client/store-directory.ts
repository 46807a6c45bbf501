import { type Node, readText } from "./node-files.ts";
import type { StoreData } from "./store-data.ts";

/** Of a store in Node. */
export function ofDirectory({ fs }: Node, path: string): StoreData {
  const major = () => readText(fs, `${path}/PG_VERSION`)?.trim() ?? null;
  return {
    look: async () => (major() !== null ? "there" : fs.existsSync(path) ? "broken" : "gone"),
    major,
    async giveUp(what) {
      if (!fs.existsSync(path)) return;
      let aside = `${path}.${what}`;
      for (let n = 2; fs.existsSync(aside); n++) aside = `${path}.${what}-${n}`;
      fs.renameSync(path, aside);
    },
  };
}
