import { existsSync, readFileSync } from 'node:fs';

const STATUS = '/proc/self/status';

/**
 * The most memory that this process has taken so far. What the system counts for a process begins with what the one had that forked it; on Linux the memory
 * itself knows better.
 */
export function ownPeakMegabytes(): number {
  const [, kilobytes] = (existsSync(STATUS) && /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(STATUS, 'utf8'))) || [];
  // Linux and Windows count it in KB.
  return kilobytes ? Number(kilobytes) / 1024 : process.resourceUsage().maxRSS / (process.platform === 'darwin' ? 1024 * 1024 : 1024);
}
