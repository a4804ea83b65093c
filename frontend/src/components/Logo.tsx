/** Root over two issuing CAs: what the product is about. */
export function Logo({ size = 30 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#0b5c6b" />
      <path
        d="M16 11v5M16 16c0 2-7 1.500-7 5M16 16c0 2 7 1.500 7 5"
        fill="none"
        stroke="#fff"
        strokeWidth="2.200"
        strokeLinecap="round"
      />
      <circle cx="16" cy="8.500" r="3" fill="#ffd166" />
      <circle cx="9" cy="23" r="3" fill="#fff" />
      <circle cx="23" cy="23" r="3" fill="#fff" />
    </svg>
  );
}
