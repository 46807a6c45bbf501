/** A semantic version: `1.2.3` or `1.2.3-rc.1`, build metadata aside. */
const SEMVER = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

export function isVersion(text: string): boolean {
  return SEMVER.test(text);
}

/** Sorts versions from the highest to the lowest. */
export function byVersionDescending(a: string, b: string): number {
  const left = SEMVER.exec(a);
  const right = SEMVER.exec(b);
  if (left === null || right === null) {
    return 0;
  }
  for (const part of [1, 2, 3]) {
    const difference = Number(right[part]) - Number(left[part]);
    if (difference !== 0) return difference;
  }
  return comparePreReleases(right[4], left[4]);
}

/** A version without a pre-release is higher than one with it; two numeric identifiers compare as numbers. */
function comparePreReleases(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return a.localeCompare(b, "en", { numeric: true });
}
