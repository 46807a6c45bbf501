import { BEGIN } from "./statements.ts";
import { WriterSession, type WriterSessionOptions } from "./writer-session.ts";

/** One writing transaction that copies nothing: a statement that begins it, and one that ends it, in one message. */
export async function commitWithoutRows(
  options: WriterSessionOptions,
  begin: string,
  end: string,
): Promise<void> {
  const session = await WriterSession.open(options);
  try {
    await session.committed(session.query([BEGIN, begin, end, "commit"].join(";\n")));
  } catch (error) {
    session.abort();
    throw error;
  }
}
