interface LineInputProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

/** A sentence or a text of one line, to be looked at. */
export function LineInput({ label, value, onChange }: LineInputProps) {
  return (
    <label class="line-input">
      <span>{label}</span>
      <input type="text" spellcheck={false} value={value} onInput={({ currentTarget }) => onChange(currentTarget.value)} />
    </label>
  );
}
