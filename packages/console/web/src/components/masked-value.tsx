/** Stands for a value that is not shown. */
export function MaskedValue({ kind }: { readonly kind: string }) {
  return (
    <span class="masked" title="Masked. What it is, is shown to those who may reveal values.">
      {kind}
    </span>
  );
}
