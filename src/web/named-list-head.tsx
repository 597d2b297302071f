/** Over a list of logs or sheets: what it is, and the field that narrows it down by the beginning of the name. */
export function NamedListHead({ title, prefix, onPrefix }: { title: string; prefix: string; onPrefix: (prefix: string) => void }) {
  return (
    <div className="page-head">
      <h1>{title}</h1>
      <label className="field-inline">
        <span>Name begins with</span>
        <input type="search" value={prefix} onChange={(event) => onPrefix(event.target.value.trim())} />
      </label>
    </div>
  );
}
