/** A file of a folder, or a folder in it. */
interface Entry {
  /** From the folder on, without a slash at its beginning. */
  readonly path: string;
  /** Null: a folder. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/** A folder as one piece of bytes, which pages can fetch. A folder comes before what is in it. */
export function pack(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const names = entries.map(({ path, bytes }) => [path, bytes?.length ?? null]);
  const head = new TextEncoder().encode(JSON.stringify(names));
  const parts = [new Uint8Array(Uint32Array.of(head.length).buffer), head];
  for (const { bytes } of entries) if (bytes !== null) parts.push(bytes);
  const packed = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    packed.set(part, at);
    at += part.length;
  }
  return packed;
}

/** Its files are views of what was packed. */
export function unpack(packed: Uint8Array<ArrayBuffer>): readonly Entry[] {
  let at = 4 + new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  const names: readonly [string, number | null][] = JSON.parse(
    new TextDecoder().decode(packed.subarray(4, at)),
  );
  return names.map(([path, length]) => {
    if (length === null) return { path, bytes: null };
    at += length;
    return { path, bytes: packed.subarray(at - length, at) };
  });
}
