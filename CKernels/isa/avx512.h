// What the sets with AVX-512's registers have in common: 32 of 16 floats.
#define CK_LANES 16
#define CK_FUSED 1
#define CK_NV 4
