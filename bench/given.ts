import { type ParseArgsConfig, parseArgs } from "node:util";

import type { Benchmark, Given } from "./benchmarks.ts";

/** The command line is wrong. */
export class Misuse extends Error {}

/** Reads the options of a benchmark. */
export function given(options: Benchmark["options"], args: readonly string[]): Given {
  const config: ParseArgsConfig["options"] = {};
  for (const [option, [standard]] of Object.entries(options)) {
    config[option] =
      standard === false ? { type: "boolean", default: false } : { type: "string", default: standard };
  }
  const values = parse([...args], config);
  const text = (option: string) => String(values[option]);
  const items = (option: string) =>
    text(option)
      .split(",")
      .filter((item) => item !== "" && item !== "none");
  const wholeNumber = (option: string, written: string) => {
    const value = Number(written);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new Misuse(`--${option} ${written} is not a whole number above 0`);
  };
  const oneOf = <Choice extends string>(option: string, value: string, choices: readonly Choice[]) => {
    const choice = choices.find((each) => each === value);
    if (choice !== undefined) return choice;
    throw new Misuse(`--${option} ${value} is none of ${choices.join(", ")}`);
  };
  return {
    flag: (option) => values[option] === true,
    number: (option) => wholeNumber(option, text(option)),
    numbers: (option) => items(option).map((item) => wholeNumber(option, item)),
    optional: (option) => (text(option) === "" ? null : wholeNumber(option, text(option))),
    choice: (option, choices) => oneOf(option, text(option), choices),
    choices: (option, choices) => items(option).map((item) => oneOf(option, item, choices)),
    pair: (option) => {
      const [left, right, ...more] = text(option).split("x");
      if (right === undefined || more.length > 0)
        throw new Misuse(`--${option} ${text(option)} is not 100x1000`);
      return [wholeNumber(option, left!), wholeNumber(option, right)];
    },
  };
}

function parse(args: string[], options: ParseArgsConfig["options"]) {
  try {
    return parseArgs({ args, options: options ?? {} }).values;
  } catch (error) {
    throw new Misuse(error instanceof Error ? error.message : String(error));
  }
}
