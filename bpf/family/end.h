/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Takes away the names of one address family, so that the next can define them. */

#undef FAMILY
#undef address_t
#undef tuple_t
#undef reverse_t
#undef backend_t
#undef frontend_t
#undef ip_t
#undef MAP_CT
#undef MAP_SNAT
#undef MAP_SERVICES
#undef MAP_BACKENDS
#undef IP_HOPS
#undef OUTER_LENGTH
