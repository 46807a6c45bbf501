/** Days from 0000-03-01 to 1970-01-01; counting years from March puts the leap day last. */
const EPOCH = 719_468;
const DAYS_PER_ERA = 146_097;

/** A day, counted from 1970-01-01, as ISO 8601: the Gregorian calendar with a year 0, for all dates of PostgreSQL. */
export function isoDate(days: number): string {
  const shifted = days + EPOCH;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
  return `${isoYear(year)}-${two(month)}-${two(day)}`;
}

/** The second of a day as ISO 8601; the day ends at 24:00:00. */
export function isoTime(seconds: number): string {
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Four digits, or a sign and at least six. */
function isoYear(year: number): string {
  if (year >= 0 && year <= 9999) {
    return String(year).padStart(4, "0");
  }
  return `${year < 0 ? "-" : "+"}${String(Math.abs(year)).padStart(6, "0")}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
