// Read by the plain `graphile-worker` command: DATABASE_URL=… npx graphile-worker
import { workerPreset } from "./dist/worker-preset.js";

export default workerPreset();
