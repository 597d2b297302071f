/** What zod has found wrong, on one line: where and what, of the first few. */
import { z } from 'zod';

const MAX_ISSUES = 3;

export function describeIssues({ issues }: z.core.$ZodError): string {
  const described = issues.slice(0, MAX_ISSUES).map(({ path, message }) => {
    const place = z.core.toDotPath(path);
    return place === '' ? message : `${place}: ${message}`;
  });
  return described.join('; ') + (issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : '');
}
