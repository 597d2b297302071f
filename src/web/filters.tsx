/** Fields that say which items a list shows. */
import { useEffect, useState } from 'react';

const TYPING_MS = 300;

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

export function Choice({ label, value, values, onChange }: FieldProps & { values: readonly string[] }) {
  const offered = value === '' || values.includes(value) ? values : [...values, value];
  return (
    <label className="field">
      <span>{label}</span>
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">any</option>
        {offered.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}

/** Takes effect when a person stops typing. */
export function Typed({ label, value, onChange }: FieldProps) {
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  if (value !== shown) {
    setShown(value);
    setText(value);
  }
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  });
  return (
    <label className="field">
      <span>{label}</span>
      <input type="search" value={text} onChange={(event) => setText(event.target.value)} spellCheck={false} />
    </label>
  );
}
