/** The nulls of one column; an empty bitmap means that there are none. */
export interface Validity {
  readonly nullCount: number;
  readonly bitmap: Uint8Array;
}

/** A bitmap of `length` bits, least significant first, where `isSet` says so. */
export function bitmapOf(length: number, isSet: (index: number) => boolean): Uint8Array {
  const bitmap = new Uint8Array(Math.ceil(length / 8));
  for (let i = 0; i < length; i++) {
    if (isSet(i)) {
      bitmap[i >> 3]! |= 1 << (i & 7);
    }
  }
  return bitmap;
}

export function validityOf(length: number, isValid: (index: number) => boolean): Validity {
  let nullCount = 0;
  for (let i = 0; i < length; i++) {
    nullCount += isValid(i) ? 0 : 1;
  }
  return { nullCount, bitmap: nullCount === 0 ? new Uint8Array(0) : bitmapOf(length, isValid) };
}

export function bitAt(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3]! >> (index & 7)) & 1) === 1;
}
