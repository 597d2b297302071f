/** Who runs this command, where nobody says it: kept with what they ask for. */
import os from 'node:os';

/** In a container the user may have a number and no name. */
export function ownName(): string {
  try {
    return os.userInfo().username;
  } catch {
    return `uid ${process.getuid?.()}`;
  }
}
