/**
 * Gives the memory of a large buffer back at once; all views of it become empty. Left to itself, memory outside of the
 * heap makes the garbage collector run, over and over, to find the little that is dead.
 */
export function release(buffer: ArrayBufferLike): void {
  // Node cuts small buffers from a shared one of this size.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) {
    buffer.transfer(0);
  }
}
