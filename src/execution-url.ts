/** Where Temporal's web UI shows an execution. */
export function executionUrl(uiUrl: string, namespace: string, execution: string): string {
  return `${uiUrl.replace(/\/$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(execution)}`;
}
