import { type FormEvent, useState } from 'react';
import { client } from '../client.ts';
import { go, links } from '../router.ts';
import { isLogId, LOG_ID_RULE } from './log-id.ts';

/** A name is all that a new sheet needs. One that is there already is opened. */
export function CreateSheet() {
  const [id, setId] = useState('');
  const [problem, setProblem] = useState<string>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!isLogId(id)) {
      setProblem(LOG_ID_RULE);
      return;
    }
    try {
      await client.logs.create({ id });
      go(links.sheet(id));
    } catch (error) {
      setProblem((error as Error).message);
    }
  };

  return (
    <form className="card create" onSubmit={submit} noValidate>
      <h2>New sheet</h2>
      <label htmlFor="new-sheet">Name</label>
      <div className="row">
        <input
          id="new-sheet"
          value={id}
          placeholder="budget-2027"
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setId(event.target.value)}
          aria-describedby="new-sheet-problem"
          aria-invalid={problem !== undefined}
        />
        <button type="submit" className="button button--primary" disabled={id === ''}>
          Create
        </button>
      </div>
      <p id="new-sheet-problem" role="alert" className="form-problem">
        {problem}
      </p>
    </form>
  );
}
