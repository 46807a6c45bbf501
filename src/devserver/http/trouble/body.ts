/** What is wrong with the body of one answer. */
export interface BodyTrouble {
  /**
   * What stands in the place of the page: nothing at all, `null`, an error under a status that is none, or no JSON. Or the
   * page has `null` where its records are, alone or beside an error, or no records at all.
   */
  readonly body?:
    | "empty"
    | "null"
    | "error"
    | "not json"
    | "null records"
    | "null records and error"
    | "no records";
  /** This text stands in the place of the page, or of the error. */
  readonly text?: string;
  /** The page begins with a byte order mark. */
  readonly bom?: boolean;
  /** The page is in ISO 8859-1, and its Content-Type says so or not. */
  readonly latin1?: "told" | "untold";
  /** So many mebibytes of blanks follow the page: packed, they are a bomb. */
  readonly blanksMb?: number;
}

const ERROR = '{"code":"INTERNAL","message":"the query was given up"}';
const NOT_JSON = "<!doctype html><title>Please log in</title>";

/** The text of a page: what stands around the brackets of its records, and what between them. */
export interface PageText {
  readonly before: string;
  readonly records: Buffer;
  readonly after: string;
}

/** The body of a page with what is wrong with it, and the Content-Type. */
export function bodyOf(
  page: PageText,
  type: string,
  trouble: BodyTrouble,
): { readonly body: Buffer; readonly type: string } {
  const plain = trouble.text === undefined ? plainBody(page, trouble.body) : Buffer.from(trouble.text);
  const parts = [
    ...(trouble.bom === true ? [Buffer.from("\ufeff")] : []),
    trouble.latin1 === undefined ? plain : Buffer.from(plain.toString(), "latin1"),
    ...(trouble.blanksMb === undefined ? [] : [Buffer.alloc(trouble.blanksMb * 1024 * 1024, " ")]),
  ];
  return {
    body: parts.length === 1 ? parts[0]! : Buffer.concat(parts),
    type: trouble.latin1 === "told" ? `${type.split(";")[0]}; charset=iso-8859-1` : type,
  };
}

/** Whether the records of the page stand in the body. */
export function holdsRecords({ body, text }: BodyTrouble): boolean {
  return body === undefined && text === undefined;
}

function plainBody({ before, records, after }: PageText, how: BodyTrouble["body"]): Buffer {
  switch (how) {
    case "empty":
      return Buffer.alloc(0);
    case "null":
      return Buffer.from("null");
    case "error":
      return Buffer.from(`{"error":${ERROR}}`);
    case "not json":
      return Buffer.from(NOT_JSON);
    case "null records":
      return Buffer.from(`${before}null${after}`);
    case "null records and error":
      return Buffer.from(withError(`${before}null${after}`));
    case "no records":
      return Buffer.from(`${before}[]${after}`);
    case undefined:
      return Buffer.concat([Buffer.from(`${before}[`), records, Buffer.from(`]${after}`)]);
  }
}

/** The error is the last member of the document; a document that is no object has no place for one. */
function withError(document: string): string {
  return document.endsWith("}") ? `${document.slice(0, -1)},"error":${ERROR}}` : document;
}
