/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A set of IOMMU page tables, and what runs become in it.
 */
#ifndef TYPE1P_DOMAIN_H
#define TYPE1P_DOMAIN_H

#include "type1p.h"

struct t1p_domain *t1p_domain_create(struct iommu_group *iommu_group,
				     bool nesting);
void t1p_domain_free(struct t1p_domain *domain);
int t1p_domain_map(struct t1p_domain *domain, u64 iova,
		   const struct t1p_runs *runs, int prot);
bool t1p_domain_unmap(struct t1p_domain *domain, u64 iova, u64 size);

#endif /* TYPE1P_DOMAIN_H */
