import { Component, type ReactNode } from 'react';

/** A part of the page that has failed takes nothing else with it. `resetKey`: another one tries again. */
export class ErrorBoundary extends Component<{ children: ReactNode; resetKey: string }, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override componentDidUpdate({ resetKey }: { resetKey: string }): void {
    if (resetKey !== this.props.resetKey && this.state.error) this.setState({ error: undefined });
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    // After an update of the server the parts that this page would load are not there any more.
    const isOutdated = /dynamically imported module|module script failed/i.test(error.message);
    return (
      <div className="page">
        <h1>{isOutdated ? 'This page is out of date' : 'This page has failed'}</h1>
        <p>{isOutdated ? 'The server has another version by now. Nothing that was saved is lost.' : error.message}</p>
        <p>
          <button type="button" className="button button--primary" onClick={() => window.location.reload()}>
            Load it again
          </button>
        </p>
      </div>
    );
  }
}
