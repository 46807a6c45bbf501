import { workerPreset } from "./worker-preset.ts";

/** What this package is to programs: `extends: [ampsync.preset]` in a graphile.config of yours. */
const ampsync = {
  /** Made from the environment when it is read. Sessions of graphile-worker's pool stay as you set them up. */
  get preset(): GraphileConfig.Preset {
    return workerPreset(undefined, { isAlone: false });
  },
};

export default ampsync;
