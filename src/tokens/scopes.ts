/** What the bearer of a token may do. `admin` includes the others. */
export const SCOPES = ['read', 'write', 'publish', 'jobs', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];
