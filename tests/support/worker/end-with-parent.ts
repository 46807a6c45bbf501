/**
 * Preloaded by programs that a test starts: they end when the test's process does,
 * however that ends. One that is killed cannot end them itself, as when vitest gives
 * up after a failure.
 */
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));
process.channel?.unref(); // Keeps nobody from ending earlier.
