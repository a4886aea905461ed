-- One row while a caller may still drop pins under a claim.
SELECT FROM unpins WHERE unpinning AND claimed_until IS NOT NULL AND claimed_until > now() LIMIT 1
