import { isObject, type JsonObject, membersOf, plainName } from "./members.ts";

/** Where the records of a page stand. */
export interface FoundRecords {
  readonly pointer: string;
  readonly records: readonly JsonObject[];
}

const USUAL = new Set(
  "data,items,results,records,entries,hits,values,rows,list,objects,content,elements,value".split(","),
);
/** Arrays that stand beside the records. */
const BESIDE = new Set(
  "errors,error,links,included,warnings,messages,facets,aggregations,columns".split(","),
);

/** The array that is most likely the page: named as pages are, or as the address is, else the longest one. Null: there is none. */
export function findRecords(document: unknown, url: URL): FoundRecords | null {
  const ofAddress = plainName(url.pathname.split("/").findLast((part) => part !== "") ?? "");
  const arrays = [{ pointer: "", name: "", value: document }, ...membersOf(document)].flatMap(
    ({ pointer, name, value }) => {
      if (!Array.isArray(value) || !value.every(isObject)) return [];
      const plain = plainName(name);
      const rank = BESIDE.has(plain) ? 2 : USUAL.has(plain) || plain === ofAddress ? 0 : 1;
      return [{ pointer, records: value as readonly JsonObject[], rank }];
    },
  );
  const sorted = arrays.toSorted(
    (a, b) =>
      Number(a.records.length === 0) - Number(b.records.length === 0) ||
      a.rank - b.rank ||
      b.records.length - a.records.length,
  );
  const [best] = sorted;
  return best === undefined ? null : { pointer: best.pointer, records: best.records };
}
