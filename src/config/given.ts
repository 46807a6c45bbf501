import { flagsOf, SETTINGS, type Setting, type SettingName } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
/** Values of the command line, by flag without dashes. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** A value, and by which name it was given. */
export interface GivenValue {
  readonly name: string;
  readonly value: string;
  readonly isFlag: boolean;
}

/** What a command line and an environment say: a flag beats a variable, and an empty value is none. */
export class Given {
  readonly #env: Environment;
  readonly #flags: Flags;
  readonly #problems: string[];

  /** Two names of one setting with different values are added to `problems`. */
  constructor(env: Environment, flags: Flags, problems: string[]) {
    this.#env = env;
    this.#flags = flags;
    this.#problems = problems;
  }

  value(name: SettingName): GivenValue | null {
    const setting: Setting = SETTINGS[name];
    const byFlag = flagsOf(setting).map((flag) => ({ name: `--${flag}`, value: this.#flags[flag] }));
    const byVariable = setting.names.map((variable) => ({ name: variable, value: this.#env[variable] }));
    const isFlag = byFlag.some(({ value }) => value);
    const set = (isFlag ? byFlag : byVariable).flatMap((each) =>
      each.value ? [{ name: each.name, value: each.value, isFlag }] : [],
    );
    // Log levels are the exception: the first name that is set counts, as in the programs that came before this one.
    if (name !== "logLevels" && new Set(set.map(({ value }) => value)).size > 1) {
      const problem = `${set.map((each) => each.name).join(" and ")} have different values`;
      if (!this.#problems.includes(problem)) this.#problems.push(problem);
    }
    return set[0] ?? null;
  }

  text(name: SettingName): string | null {
    return this.value(name)?.value ?? null;
  }
}
