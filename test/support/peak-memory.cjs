/**
 * For --require: the most memory that this process has taken, in KB, written to MEMORY_FILE when it ends, and at each SIGUSR2. What the system counts for a
 * process begins with what the one had that forked it; on Linux the memory itself knows better.
 */
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const STATUS = '/proc/self/status';
const { MEMORY_FILE = 'memory' } = process.env;

function peakKilobytes() {
  const [, peak] = (existsSync(STATUS) && /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(STATUS, 'utf8'))) || [];
  return peak ?? process.resourceUsage().maxRSS;
}

if (isMainThread) {
  const write = () => writeFileSync(MEMORY_FILE, String(peakKilobytes()));
  process.on('exit', write).on('SIGUSR2', write);
}
