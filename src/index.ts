import { configFromProcess } from "./config.ts";
import { workerPreset } from "./worker-preset.ts";

/** The API of this package: `extends: [ampsync.preset]` in your own graphile.config. */
const ampsync = {
  /** Built from the environment on first access. Sessions of graphile-worker's pool stay as you configured them. */
  get preset(): GraphileConfig.Preset {
    return workerPreset(configFromProcess("library"), { isAlone: false });
  },
};

export default ampsync;
