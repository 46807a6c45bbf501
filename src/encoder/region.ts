/** One stretch of memory, seen as bytes and through a DataView. Index 0 of both is the same byte. */
export interface Region {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export function regionOf(bytes: Uint8Array): Region {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** From this length on, one native copy is faster than moving words. */
const NATIVE_COPY_BYTES = 256;

/** Copies `length` bytes. Hashes and addresses are too short to pay for the two objects of a native copy. */
export function copyBytes(source: Region, from: number, target: Region, to: number, length: number): void {
  if (length >= NATIVE_COPY_BYTES) {
    target.bytes.set(source.bytes.subarray(from, from + length), to);
    return;
  }
  const input = source.view;
  const output = target.view;
  let done = 0;
  for (; done + 8 <= length; done += 8) {
    output.setBigInt64(to + done, input.getBigInt64(from + done)); // Compiled to one move: no BigInt is made.
  }
  if (done + 4 <= length) {
    output.setInt32(to + done, input.getInt32(from + done));
    done += 4;
  }
  for (; done < length; done++) {
    output.setUint8(to + done, input.getUint8(from + done));
  }
}
